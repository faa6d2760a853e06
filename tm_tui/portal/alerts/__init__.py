"""Alerts: what an operator should know without looking, and the ways on which it goes out."""

"""The connection test: both servers, step by step, with the values on the form."""

"""Reports that the portal makes of the logs it received: incidents, days, weeks, months."""

"""Cases: forensic data that an admin submits for analysis; packed, uploaded by tus, followed."""

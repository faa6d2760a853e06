"""The reference TMSP: log server over SSL and SSH, status server, Registered Products."""

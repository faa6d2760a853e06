"""What the control socket and the portal share as servers: accepting, limits, slow clients, refusals."""

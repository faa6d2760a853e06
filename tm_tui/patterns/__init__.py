"""Custom patterns: fetched and verified by TUF, kept by Pattern ID, deployed to endpoints by the deployer."""

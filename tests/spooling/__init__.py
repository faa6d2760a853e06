"""What tests and benchmarks of the log queue share: sample events, a child to kill, a campaign of faults."""

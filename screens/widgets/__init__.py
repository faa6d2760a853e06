"""The parts that screens are made of, each cheap on a slow line."""

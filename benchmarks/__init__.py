"""What lrlab's speed is, held against everything else a person could use: `make bench`."""

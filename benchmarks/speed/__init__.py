"""How fast it is: encoding, training, data and scale, all as ratios of one run on one machine."""

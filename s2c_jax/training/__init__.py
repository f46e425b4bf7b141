"""Everything that trains: the loop, the step, its losses, and what a run writes."""

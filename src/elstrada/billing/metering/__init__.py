"""What meters tell beyond bills: quarter-hours of sessions, figures over them, and what is odd in them. Pure."""

"""Bill lines in the form a retailer's billing system reads."""

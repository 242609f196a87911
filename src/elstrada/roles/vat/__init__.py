"""VAT numbers that drivers enter at stations: whether a company has them."""

"""The operator's desk: every verb of the operator, as one table. Command line, API and pages call it."""

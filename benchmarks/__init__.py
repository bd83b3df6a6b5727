"""Programs that measure the performance of refreshes, token requests and operators' pages."""

"""The operators' pages: the list, connections, bulk jobs, the audit, roles."""

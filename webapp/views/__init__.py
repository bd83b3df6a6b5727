"""HTTP in, HTTP out: views check the request, call one service and render the result."""

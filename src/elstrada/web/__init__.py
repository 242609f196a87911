"""Pages: server-rendered HTML that moves by itself, without a build step and without the internet."""

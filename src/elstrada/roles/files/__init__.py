"""Where stations fetch firmware and leave logs: a folder, addresses that are good for one file, and a door."""

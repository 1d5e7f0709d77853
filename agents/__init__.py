"""What AI agents are offered: the enabled actions as tools of the Model Context Protocol."""

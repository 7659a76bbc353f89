"""Model packs: those that come with the code, each a folder here, and how upstream's own are fetched and kept."""

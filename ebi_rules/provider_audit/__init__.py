"""The provider audit: from the cube to controlled counts, and from these to tables."""

"""What is recorded and published: the journal, its readers, the event sockets, and events in words."""

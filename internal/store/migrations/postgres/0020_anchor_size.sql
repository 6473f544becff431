-- Archive packages ask for the first time stamp that covers an entry.
CREATE INDEX anchor_size ON anchor (size);

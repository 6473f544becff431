-- Where on the pages the sender wants a recipient's marks, as JSON.
ALTER TABLE recipient ADD COLUMN fields TEXT NOT NULL DEFAULT 'null';

-- The full-text index names what it finds in the order of its rows' numbers: they begin
-- as the documents' ids do, so that the newest are the last rows (decision 0109).
CREATE TABLE search_placed (
  rid INTEGER PRIMARY KEY, org TEXT NOT NULL, document_id TEXT NOT NULL, words TEXT NOT NULL, given BIGINT NOT NULL DEFAULT 0,
  UNIQUE (org, document_id)
);
INSERT INTO search_placed (rid, org, document_id, words)
  WITH cut AS (SELECT org, document_id, words, substr(document_id, instr(document_id, '_') + 1) AS tail FROM search_document),
  placed AS (SELECT org, document_id, words,
    (max(0, instr('0123456789abcdefghjkmnpqrstvwxyz', substr(tail, 1, 1)) - 1) << 55) |
    (max(0, instr('0123456789abcdefghjkmnpqrstvwxyz', substr(tail, 2, 1)) - 1) << 50) |
    (max(0, instr('0123456789abcdefghjkmnpqrstvwxyz', substr(tail, 3, 1)) - 1) << 45) |
    (max(0, instr('0123456789abcdefghjkmnpqrstvwxyz', substr(tail, 4, 1)) - 1) << 40) |
    (max(0, instr('0123456789abcdefghjkmnpqrstvwxyz', substr(tail, 5, 1)) - 1) << 35) |
    (max(0, instr('0123456789abcdefghjkmnpqrstvwxyz', substr(tail, 6, 1)) - 1) << 30) |
    (max(0, instr('0123456789abcdefghjkmnpqrstvwxyz', substr(tail, 7, 1)) - 1) << 25) |
    (max(0, instr('0123456789abcdefghjkmnpqrstvwxyz', substr(tail, 8, 1)) - 1) << 20) |
    (max(0, instr('0123456789abcdefghjkmnpqrstvwxyz', substr(tail, 9, 1)) - 1) << 15) |
    (max(0, instr('0123456789abcdefghjkmnpqrstvwxyz', substr(tail, 10, 1)) - 1) << 10) |
    (max(0, instr('0123456789abcdefghjkmnpqrstvwxyz', substr(tail, 11, 1)) - 1) << 5) |
    (max(0, instr('0123456789abcdefghjkmnpqrstvwxyz', substr(tail, 12, 1)) - 1) << 0) AS place FROM cut),
  counted AS (SELECT org, document_id, words, place, row_number() OVER (ORDER BY place, document_id, org) AS i FROM placed)
  -- Each has its place, or the first free one behind it.
  SELECT i + max(place - i) OVER (ORDER BY i), org, document_id, words FROM counted ORDER BY i;
DROP TABLE search_document;
ALTER TABLE search_placed RENAME TO search_document;
CREATE TRIGGER search_inserted AFTER INSERT ON search_document WHEN new.given = 0 BEGIN
  INSERT INTO search_fts (rowid, words) VALUES (new.rid, new.words);
END;
CREATE TRIGGER search_changed AFTER UPDATE ON search_document WHEN new.given = old.given BEGIN
  INSERT INTO search_fts (search_fts, rowid, words) VALUES ('delete', old.rid, old.words);
  INSERT INTO search_fts (rowid, words) VALUES (new.rid, new.words);
END;
CREATE TRIGGER search_deleted AFTER DELETE ON search_document BEGIN
  INSERT INTO search_fts (search_fts, rowid, words) VALUES ('delete', old.rid, old.words);
END;
CREATE TRIGGER search_erased AFTER DELETE ON search_document BEGIN
  UPDATE search_squeeze SET erased = erased + 1;
END;
INSERT INTO search_fts (search_fts) VALUES ('rebuild');

-- Words of deleted rows no longer go out of the indexes' pages at once: that read a
-- list as long as the index for every word, with each document that was indexed anew.
-- What is erased is counted, and squeezed out of the pages in steps (decision 0108).
INSERT INTO search_fts (search_fts, rank) VALUES ('secure-delete', 0), ('usermerge', 2);
INSERT INTO page_fts (page_fts, rank) VALUES ('secure-delete', 0), ('usermerge', 2);
CREATE TABLE search_squeeze (only_row INTEGER PRIMARY KEY, erased BIGINT NOT NULL, begun BIGINT NOT NULL, ended BIGINT NOT NULL);
INSERT INTO search_squeeze (only_row, erased, begun, ended) VALUES (1, 0, 0, 0);
CREATE TRIGGER search_erased AFTER DELETE ON search_document BEGIN
  UPDATE search_squeeze SET erased = erased + 1;
END;
CREATE TRIGGER page_erased AFTER DELETE ON page WHEN old.folded <> '' BEGIN
  UPDATE search_squeeze SET erased = erased + 1;
END;

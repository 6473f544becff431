-- The full-text index holds the eras of each document, too, so that the newest that hold a
-- word are found by it (decision 0126).
CREATE INDEX search_words_eras ON search_document USING gin (words,
  (ARRAY[substr(document_id, 1, 8), substr(document_id, 1, 9), substr(document_id, 1, 10), substr(document_id, 1, 11)]));
DROP INDEX search_words;
ALTER INDEX search_words_eras RENAME TO search_words;

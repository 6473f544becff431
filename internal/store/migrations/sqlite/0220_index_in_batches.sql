-- The index takes the words of many documents in one piece: FTS5 writes a piece of its
-- own for every statement with a trigger, and merges all of them again (decision 0115).
DROP TRIGGER search_inserted;
DROP TRIGGER search_changed;

-- SQLite alone keeps its full-text index apart from the table (decision 0115).
SELECT 1;

-- What waits for its own time, in the order of the log, for lists of a queue whose endpoint is away.
CREATE INDEX delivery_later ON delivery (endpoint, idx) WHERE state = 0 AND next_at > 0;

package io.github.paraph;

import java.util.List;

/**
 * One page of a list.
 *
 * @param items of the page
 * @param next the cursor of the page behind it; null on the last one
 * @param <T> of the items
 */
public record Page<T>(List<T> items, String next) {}

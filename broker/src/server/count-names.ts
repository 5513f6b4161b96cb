/** How often each name is there: a request that names a topic twice does not say what it wants. */
export function countNames(topics: readonly { readonly name: string }[]): ReadonlyMap<string, number> {
  const count = new Map<string, number>();
  for (const { name } of topics) count.set(name, (count.get(name) ?? 0) + 1);
  return count;
}

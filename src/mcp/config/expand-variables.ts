/** `${NAME}` or `${NAME:-default}`, as hosts of MCP servers write it. */
const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g

/** Puts variables in; one that is neither set nor has a default throws what `missing` makes of its name. */
export function expandVariables(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
  missing: (name: string) => Error,
): string {
  return text.replace(VARIABLE, (_whole, name: string, fallback: string | undefined) => {
    const value = environment[name] ?? fallback
    if (value === undefined) throw missing(name)
    return value
  })
}

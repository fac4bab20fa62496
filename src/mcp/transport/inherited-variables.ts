/**
 * The variables of the broker that every MCP server program inherits. Anything else, keys above all, it gets only from the `env` of
 * its entry. `docs/tools.md` has the list too, and a test compares them.
 */
export const INHERITED_VARIABLES = [
  // Who and where (the list of the MCP SDKs).
  'HOME',
  'LOGNAME',
  'PATH',
  'SHELL',
  'TERM',
  'USER',
  'TMPDIR',
  // The way out: a proxy, under both spellings.
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
  // Whom it trusts: OpenSSL, Node, Python’s requests, curl.
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  // Language and time zone.
  'LANG',
  'LANGUAGE',
  'LC_ALL',
  'LC_CTYPE',
  'LC_MESSAGES',
  'LC_TIME',
  'TZ',
] as const

type Environment = Readonly<Record<string, string | undefined>>

/** Those of them that are set. A value that is a shell function is left out: it is code, not a setting. */
export function inheritedVariables(environment: Environment): Record<string, string> {
  return Object.fromEntries(
    INHERITED_VARIABLES.flatMap((name) => {
      const value = environment[name]
      return value === undefined || value.startsWith('()') ? [] : [[name, value] as const]
    }),
  )
}

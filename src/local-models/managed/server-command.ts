import type { LocalAddress } from '../http-get.ts'

/** The command with its address filled in for `{socket}` and `{port}`. */
export function substituteAddress(command: readonly string[], address: LocalAddress): string[] {
  const [name, value] =
    'port' in address ? ['{port}', String(address.port)] : ['{socket}', address.socketPath]
  return command.map((word) => word.replaceAll(name, value))
}

/** Variables that programs need and that cannot hold a key. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'TZ']

/** The environment of a managed server: the inherited variables and those of its configuration. */
export function scrubbedEnvironment(added: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = INHERITED.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...Object.fromEntries(kept), ...added }
}

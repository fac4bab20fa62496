import type { LocalAddress } from '../http-get.ts'

/** The command with its address filled in for `{socket}` and `{port}`. */
export function fillIn(command: readonly string[], address: LocalAddress): string[] {
  const [name, value] =
    'port' in address ? ['{port}', String(address.port)] : ['{socket}', address.socketPath]
  return command.map((word) => word.replaceAll(name, value))
}

/** What a program needs to find its way about, and nothing that could be a key. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'TZ']

export function scrubbedEnvironment(added: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = INHERITED.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...Object.fromEntries(kept), ...added }
}

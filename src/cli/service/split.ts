import type { Service } from '../../service/find-service.ts'
import { plainClientOf, type Cli } from '../cli.ts'
import { print } from '../terminal/terminal.ts'

const LABEL = 'split-mode-mother'
const FIRST = 1

/** Registers the mother with her child, once: a start that is repeated changes at most her port. */
export async function registerMother(cli: Cli, mother: Service, child: Service): Promise<void> {
  const { args } = mother.definition
  const address = flagOf(args, '--address')
  const port = Number(flagOf(args, '--port'))
  const globals = { model: '', json: false, socket: child.definition.rpcSocket }
  const client = plainClientOf(cli, globals)
  const known = (await client.call('mothers.list')).find(({ label }) => label === LABEL)
  // The child finds the token where the mother finds it, if callers need one.
  const token_env = mother.secrets.includes('ADMIN_TOKEN') ? 'ADMIN_TOKEN' : undefined
  if (known === undefined)
    await client.call('mothers.add', { address, port, label: LABEL, priority: FIRST, token_env })
  else if (known.port !== port) await client.call('mothers.update', { id: known.id, address, port })
  print(cli.terminal, `${child.definition.name} sends requests to ${mother.definition.name} first`)
}

function flagOf(args: readonly string[], name: string): string {
  return args[args.indexOf(name) + 1] ?? ''
}

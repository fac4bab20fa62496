import { PassThrough } from 'node:stream'

import type { Command } from 'commander'

import type { Cli } from '../src/cli/cli.ts'
import { createProgram, everyCommand } from '../src/cli/program.ts'

/** The reference page of the command line: every help as it is shown. */
export function cliPage(): string {
  const program = createProgram(ON_PAPER)
  const parts = [
    HEAD,
    `\`\`\`text\n${helpOf(program)}\n\`\`\``,
    ...everyCommand(program)
      .filter((command) => command !== program)
      .map((command) => `## ${nameOf(command)}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``),
  ]
  return `${parts.join('\n\n')}\n`
}

const HEAD = `# The command line

<!-- Written by scripts/docs.ts from src/cli; change it there. -->

\`hero_aibroker\` is a customer of the broker like any other: it knows the two sockets and nothing else. In a clone it runs as
\`npm run cli -- chat\`. \`--json\` prints what the broker answered as it is; failures are one line on standard error.`

/** Streams that are no terminal and go nowhere. */
const ON_PAPER: Cli = {
  terminal: plainTerminal(),
  environment: {},
  version: '0',
  now: Date.now,
}

function plainTerminal(): Cli['terminal'] {
  const stream = () => Object.assign(new PassThrough(), { isTTY: false })
  return { input: stream(), output: stream(), errors: stream() } as unknown as Cli['terminal']
}

/** As it is typed: `providers test`. */
function nameOf(command: Command): string {
  const above = command.parent
  return above === null || above.parent === null ? command.name() : `${nameOf(above)} ${command.name()}`
}

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (piece) => (text += piece) }).outputHelp()
  return text.trimEnd()
}

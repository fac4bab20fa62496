import { PassThrough } from 'node:stream'

import type { Command } from 'commander'

import type { Cli } from '../src/cli/cli.ts'
import { createProgram, everyCommand } from '../src/cli/program.ts'

/** The reference page of the command line: the help of every command. */
export function cliPage(): string {
  const program = createProgramOnPaper()
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

\`hero_aibroker\` is a client of the broker: it uses the two sockets and nothing else. Once installed it runs as
\`hero_aibroker chat\`, from a clone as \`npx hero_aibroker chat\`. \`--json\` prints the broker’s result unchanged; a failure is one
line on standard error.`

/** The program as its help shows it without a terminal. */
export function createProgramOnPaper(): Command {
  return createProgram(ON_PAPER)
}

/** Streams that are not a terminal and discard their output. */
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

/** The name of a command as it is typed: `providers test`. */
export function nameOf(command: Command): string {
  const above = command.parent
  return above === null || above.parent === null ? command.name() : `${nameOf(above)} ${command.name()}`
}

/** The help of a command, as it prints it. */
export function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (piece) => (text += piece) }).outputHelp()
  return text.trimEnd()
}

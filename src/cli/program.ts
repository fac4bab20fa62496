import { Command } from 'commander'

import type { Cli } from './cli.ts'
import { toFailure } from './terminal/exit-error.ts'
import { commands } from './index.ts'
import { paint } from './terminal/terminal.ts'

/** Runs one command line and returns the exit code of the process. */
export async function runCli(argv: readonly string[], cli: Cli): Promise<number> {
  try {
    await createProgram(cli).parseAsync(argv.length === 0 ? ['--help'] : argv, { from: 'user' })
    return 0
  } catch (thrown) {
    const { line, exit } = toFailure(thrown)
    if (line !== undefined) cli.terminal.errors.write(`hero_aibroker: ${line}\n`)
    return exit
  }
}

export function createProgram(cli: Cli): Command {
  const program = new Command('hero_aibroker')
    .description('Use the LLM broker on this machine: chat, and show its models, cost and state.')
    .option('-m, --model <name>', 'the model to use', 'auto')
    .option(
      '--socket <path>',
      'rpc.sock or rest.sock of the broker, or their folder (default: Hero’s socket folder)',
    )
    .option('--json', 'print the broker’s result as JSON, unchanged', false)
    .version(cli.version, '-V, --version')
    .addHelpText('after', HELP_END)
  for (const create of commands) program.addCommand(create(cli))
  for (const command of everyCommand(program)) configureCommand(command, cli)
  for (const command of program.commands.flatMap(everyCommand)) refuseUnknown(command)
  return program
}

/** The command and all of its subcommands, at any depth. */
export function everyCommand(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}

const HELP_END = `
Exit codes:
  0 success · 1 internal error · 2 wrong usage · 3 not allowed · 4 over budget · 5 not found
  6 over a limit · 7 no broker reachable · 8 the provider failed · 130 interrupted`

/** Refuses an unknown word after a command that has subcommands and no arguments: it was meant as a subcommand. */
function refuseUnknown(command: Command): void {
  if (command.commands.length === 0 || command.registeredArguments.length > 0) return
  command.allowExcessArguments().hook('preAction', (itself, acting) => {
    const [word] = acting.args
    if (acting !== itself || word === undefined) return
    const names = command.commands.map((below) => below.name()).join(', ')
    command.error(`error: unknown command '${command.name()} ${word}'; ${command.name()} has ${names}`)
  })
}

/** Makes commander write to our streams and throw instead of ending the process. */
function configureCommand(command: Command, { terminal }: Cli): void {
  command
    .exitOverride()
    .showHelpAfterError('(--help lists commands and options)')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true, styleTitle: (text) => paint(terminal, 'bold', text) })
    .configureOutput({
      writeOut: (text) => terminal.output.write(text),
      writeErr: (text) => terminal.errors.write(text),
      getOutHelpWidth: () => (terminal.output.isTTY ? terminal.output.columns : 100),
    })
}

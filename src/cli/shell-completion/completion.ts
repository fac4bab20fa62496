import { Argument } from 'commander'
import type { Command } from 'commander'

import { describeCommand } from '../cli.ts'
import type { Cli } from '../cli.ts'
import { completionScripts, SHELLS } from './completion-scripts.ts'
import type { CompletionCommand, CompletionOption, Shell } from './completion-scripts.ts'
import { print } from '../terminal/terminal.ts'

export function completionCommand(cli: Cli): Command {
  return describeCommand(
    'completion',
    'Print a script that makes a shell complete commands, options and models',
    [
      'hero_aibroker completion bash >> ~/.bashrc',
      'hero_aibroker completion zsh > "${fpath[1]}/_hero_aibroker"',
      'hero_aibroker completion fish > ~/.config/fish/completions/hero_aibroker.fish',
      'hero_aibroker completion nu | save --append $nu.config-path',
    ],
  )
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell: Shell, _options: unknown, command: Command) => {
      print(cli.terminal, completionTexts(command.parent ?? command)[shell])
    })
}

/** The completion scripts of a program, by shell. */
export function completionTexts(program: Command): Readonly<Record<Shell, string>> {
  const [commands, globals] = [program.commands.map(completionOf), optionsOf(program)]
  const texts = SHELLS.map((shell) => [shell, completionScripts[shell](commands, globals)] as const)
  return Object.fromEntries(texts) as Record<Shell, string>
}

function completionOf(command: Command): CompletionCommand {
  return {
    name: command.name(),
    summary: command.description(),
    options: optionsOf(command),
    choices: [
      ...command.commands.map((below) => below.name()),
      ...command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    ],
  }
}

function optionsOf({ options }: Command): CompletionOption[] {
  return options.map(({ long, short, description, required }) => ({
    long: long ?? '',
    short: short ?? undefined,
    summary: description,
    valueKind: !required ? undefined : long === '--model' ? 'model' : long === '--socket' ? 'file' : 'text',
  }))
}

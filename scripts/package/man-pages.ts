// Pages for `man`, from the help of the programs.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Command } from 'commander'
import { everyCommand } from '../../src/cli/program.ts'
import { createProgramOnPaper, helpOf, nameOf } from '../cli-page.ts'

const ROOT = join(import.meta.dirname, '..', '..')

interface Page {
  readonly name: string
  readonly summary: string
  /** A heading and its text, which is shown as it is. */
  readonly sections: readonly (readonly [heading: string, text: string])[]
}

/** The man pages by file name. */
export function manPages(version: string): ReadonlyMap<string, string> {
  return new Map([cliPage(), serverPage()].map((page) => [`${page.name}.1`, roff(page, version)]))
}

function cliPage(): Page {
  const program = createProgramOnPaper()
  const commands = everyCommand(program).filter((command) => command !== program)
  const sections = commands.map((command) => [nameOf(command).toUpperCase(), helpOf(command)] as const)
  return {
    name: program.name(),
    summary: summaryOf(program),
    sections: [['DESCRIPTION', helpOf(program)], ...sections],
  }
}

function summaryOf(command: Command): string {
  return command.description().replace(/\.$/, '')
}

/** The daemon begins to run when it is imported, so its help is printed by itself. */
function serverPage(): Page {
  const name = 'hero_aibroker_server'
  const help = execFileSync(process.execPath, [join(ROOT, 'bin', `${name}.js`), '--help'], {
    encoding: 'utf8',
  })
  const [, summary = ''] = help.split('\n\n')
  return {
    name,
    summary: summary.replace(/\.$/, ''),
    sections: [
      ['DESCRIPTION', help],
      ['SEE ALSO', 'hero_aibroker(1)'],
    ],
  }
}

/** Source: groff_man(7). */
function roff({ name, summary, sections }: Page, version: string): string {
  const parts = sections.map(([heading, text]) => `.SH "${escaped(heading)}"\n.nf\n${escaped(text)}\n.fi`)
  return [
    `.TH "${name.toUpperCase()}" "1" "" "hero-aibroker ${version}" "User Commands"`,
    '.SH "NAME"',
    `${escaped(name)} \\- ${escaped(summary)}`,
    ...parts,
    '',
  ].join('\n')
}

/** A backslash, a quote in a heading, a hyphen that is copied, and a dot or apostrophe that begins a line have a meaning of their own. */
function escaped(text: string): string {
  return text
    .trimEnd()
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/gm, '\\&')
}

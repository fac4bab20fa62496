// Writes what a package has besides its programs: man pages and shell completions. `npm pack` runs it.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { completionTexts } from '../../src/cli/shell-completion/completion.ts'
import { createProgramOnPaper } from '../cli-page.ts'
import { manPages } from './man-pages.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** The names that each shell looks for. */
const COMPLETION_FILES = {
  bash: 'hero_aibroker',
  zsh: '_hero_aibroker',
  fish: 'hero_aibroker.fish',
  nu: 'hero_aibroker.nu',
} as const

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
writeAll('man', manPages(version))
const texts = completionTexts(createProgramOnPaper())
for (const [shell, file] of Object.entries(COMPLETION_FILES))
  writeAll(`completions/${shell}`, new Map([[file, `${texts[shell as keyof typeof COMPLETION_FILES]}\n`]]))

function writeAll(folder: string, files: ReadonlyMap<string, string>): void {
  const path = join(ROOT, 'dist', folder)
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { recursive: true })
  for (const [name, text] of files) writeFileSync(join(path, name), text)
}

import { z } from 'zod'
import type { HeroSettings, Isolation } from '../settings.ts'
import { createRunFolder, runInSandbox } from './sandbox.ts'

/** What a program finds in the sandbox of this machine. */
export interface SandboxFacts {
  readonly level: Isolation
  /** Modules of the standard library that can't be imported. */
  readonly absentModules: readonly string[]
}

/** Modules that need shared libraries, which a Python may lack or the sandbox may not contain. */
const MODULES = [
  'bz2',
  'ctypes',
  'curses',
  'dbm.gnu',
  'decimal',
  'hashlib',
  'lzma',
  'readline',
  'sqlite3',
  'ssl',
  'tkinter',
  'uuid',
  'zlib',
  'zoneinfo',
]

const PROBE = `
import importlib, json
absent = []
for name in ${JSON.stringify(MODULES)}:
    try:
        importlib.import_module(name)
    except Exception:
        absent.append(name)
print(json.dumps(absent))
`

const names = z.array(z.string())

/** Runs a program that looks around in the sandbox. Throws like `runInSandbox`. */
export async function probeSandbox(
  settings: Pick<HeroSettings, 'python' | 'isolation' | 'limits'>,
  signal: AbortSignal,
): Promise<SandboxFacts> {
  using folder = createRunFolder()
  const job = { modules: { 'main.py': PROBE }, checkOnly: false }
  const { stdout, isolation } = await runInSandbox(job, folder, settings, signal)
  return { level: isolation.level, absentModules: readNames(stdout) }
}

/** A probe that was stopped by its limits found nothing out. */
function readNames(text: string): string[] {
  try {
    return names.parse(JSON.parse(text))
  } catch {
    return []
  }
}

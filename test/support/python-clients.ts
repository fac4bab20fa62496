import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where `.ci/install-python-clients.sh` puts a Python with the clients, unless PYTHON_CLIENTS names another. */
const HOME = process.env['PYTHON_CLIENTS'] ?? join(homedir(), '.cache', 'hero-aibroker', 'python-clients')

/** A Python that has `openai` and `langchain-openai`; `undefined` when there is none. */
export function pythonWithClients(): string | undefined {
  const python = join(HOME, 'bin', 'python')
  if (!existsSync(python)) return undefined
  try {
    execFileSync(python, [
      '-c',
      'import importlib.util as u, sys; sys.exit(not (u.find_spec("openai") and u.find_spec("langchain_openai")))',
    ])
    return python
  } catch {
    return undefined
  }
}

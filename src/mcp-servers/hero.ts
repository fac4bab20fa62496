import { executeCode } from './hero/code/execute-code.ts'
import { generateCode } from './hero/code/generate-code.ts'
import { createHeroRuntime } from './hero/hero-runtime.ts'
import { getInterface, listServices, registerService } from './hero/service-tools.ts'
import type { BundledServer } from './shared/server.ts'

/** Gives a model access to Hero's services: lists them, and runs small programs that use them in a sandbox. */
export const hero: BundledServer = {
  name: 'mcp_hero',
  title: 'Hero services',
  instructions:
    'Answers questions from the services of this machine. execute_code with an intent does all at once: a program is written for it, run in a sandbox and its output returned. Use list_services and get_interface to see what there is.',
  open(dependencies) {
    const runtime = createHeroRuntime(dependencies)
    return {
      secrets: runtime.settings.secret === undefined ? [] : [runtime.settings.secret],
      tools: [
        registerService(runtime),
        listServices(runtime),
        getInterface(runtime),
        generateCode(runtime),
        executeCode(runtime),
      ],
    }
  },
}

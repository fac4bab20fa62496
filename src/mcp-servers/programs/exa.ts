import process from 'node:process'

import { exa } from '../exa.ts'
import { runServer } from '../run-server.ts'

process.exitCode = await runServer(exa)

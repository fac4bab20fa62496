import process from 'node:process'

import { hero } from '../hero.ts'
import { runServer } from '../run-server.ts'

process.exitCode = await runServer(hero)

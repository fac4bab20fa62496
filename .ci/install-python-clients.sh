#!/bin/sh
# Leaves a Python with the clients `openai` and `langchain-openai` in a cache folder, for the tests that ask a broker with them. Safe to run again; never fails a build; says in one line what came of it. At most about two minutes.
set -u
home=${PYTHON_CLIENTS:-$HOME/.cache/hero-aibroker/python-clients}

give_up() {
  echo "python clients: not installed ($*); the tests that need them are skipped"
  exit 0
}

has_them() { "$home/bin/python" -c 'import openai, langchain_openai' 2>/dev/null; }
if has_them; then
  echo "python clients: present in $home"
  exit 0
fi
command -v python3 >/dev/null || give_up 'no python3 here'
[ -x "$home/bin/python" ] || python3 -m venv "$home" >/dev/null 2>&1 || give_up 'no venv here'
timeout 110 "$home/bin/python" -m pip install -q --disable-pip-version-check 'openai>=2,<4' 'langchain-openai>=1,<2' >/dev/null 2>&1 ||
  give_up 'pip could not fetch them'
echo "python clients: present in $home"

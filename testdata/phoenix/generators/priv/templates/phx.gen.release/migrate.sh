#!/bin/sh
exec ./<%= app %> eval <%= base %>.Release.migrate

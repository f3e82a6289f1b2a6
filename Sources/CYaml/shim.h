/* As in CSystem: with another set of extensions libc's types would differ between the two modules. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <yaml.h>

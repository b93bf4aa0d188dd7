/* SPDX-License-Identifier: Apache-2.0 */
/** The platform's folders. No other file of the host names one. */
#ifndef BASE_PATHS_H
#define BASE_PATHS_H

#define PATHS_ROOT_STATE "/var/lib/pipehost" /**< state of pipelines that root runs */
#define PATHS_HOME_STATE ".local/state"      /**< below HOME: the XDG default of XDG_STATE_HOME */

#define PATHS_OWN_FD     "/proc/self/fd/%d" /**< names what an own descriptor is open for */

#endif

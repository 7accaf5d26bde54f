# SPDX-License-Identifier: Apache-2.0
"""The precision report of a build: what each layer's formats hold, use and cost, as JSON data and as a page from it."""

-- Those in question; the campaign's follow_up decides who is called.
SELECT policy_id, first_name, due_date, amount, mobile, alternate_mobile
FROM policies
WHERE policy_id IN (
    SELECT contact_id FROM phonon_call_results
    WHERE campaign = 'renewal_reminder' AND status IN ('refused', 'expired', 'pending')
)
